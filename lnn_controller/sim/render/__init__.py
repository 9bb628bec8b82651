"""How worlds look: scenes, textures, meshes, and the GL context that draws them."""
