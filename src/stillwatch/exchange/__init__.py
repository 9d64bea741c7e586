"""One request and its answer: the schema, the readers that find it in logs, and its pseudonyms."""
