"""The store: SPARQL behind one narrow interface, embedded or remote."""
