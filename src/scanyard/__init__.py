"""scanyard: does synthetic LiDAR data make a detector better on real roads, by how much, and how sure are we?

The ground floor holds the nouns (``geometry``, ``sensors``, ``boxes``, ``frame``, ``sequence``, ...); each stage of
the work is a room above it that takes nouns in and gives nouns out.  Nothing heavy is imported here, so that
``scanyard --help`` stays quick.
"""

__version__ = "0.1.0"
