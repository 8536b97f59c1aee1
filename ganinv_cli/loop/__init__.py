"""The one batched loop: slots, the queue of trials, batch size and stopping."""
