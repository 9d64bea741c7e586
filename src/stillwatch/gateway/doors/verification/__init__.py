"""How somebody on the rung "verify" gets off it: a stronger sign-in, or a signed word from an identity vendor."""
