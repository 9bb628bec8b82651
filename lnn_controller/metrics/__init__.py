"""Figures of arrays, and no more: errors of commands, how a lane was kept, statistics. numpy only."""
