"""Why a policy decided as it did: what of a frame it looked at, and in which moments that is worth a look."""
