"""What people drew over our results: found, compared, kept apart, accepted by a person or not."""
