"""What an operator sets: limits and timeouts, the guard, adaptation. Each checks itself."""
