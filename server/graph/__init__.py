"""RDF: kinds read from shapes, mapping, validation, history, views, vocabulary."""
