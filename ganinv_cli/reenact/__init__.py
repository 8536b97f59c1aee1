"""Which change and which storage, applied to G(z), give an image: the evidence for a verdict."""
