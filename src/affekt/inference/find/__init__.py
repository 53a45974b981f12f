"""Who is in a picture, and where: the faces."""
