"""What a shopper's request may look up in the shop, and what it may ask to change. Tools never call the model."""
