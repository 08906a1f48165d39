"""A published model card to draft recipes, with the card's defects. Pure: nothing of a card is run or fetched."""
