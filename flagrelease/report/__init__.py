"""What people and programs see while stages run."""
