"""Plans made of the layers' steps, and starting them."""
