"""The engine that needs no daemon and no root."""
