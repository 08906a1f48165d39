"""Engines that build images and run them."""
