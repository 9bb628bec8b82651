"""The search for a recipe: which values of a training's config do best on what is not trained on, or on the road."""
