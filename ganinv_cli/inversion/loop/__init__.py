"""The one batched loop: slots, queue, batch size and stopping."""
