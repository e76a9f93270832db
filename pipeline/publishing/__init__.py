"""Taking a champion out into the world: Kaggle submissions and the Hugging Face Hub."""
