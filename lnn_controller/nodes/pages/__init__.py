"""Pages and files that are written out of the nodes' own tables: parameters, topics, the security policy."""
