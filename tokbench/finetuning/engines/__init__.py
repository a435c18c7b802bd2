"""A prepared run in, trained weights and losses out: the loop, the Trainer of transformers, Lightning."""
