"""What torch.save writes, followed on paper."""
