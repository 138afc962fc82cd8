"""What the operator decided and what exists: pydantic models, frozen, without input or output."""
