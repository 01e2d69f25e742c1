"""A memory for models: a server of the Model Context Protocol, over stdio and over HTTP.

``tools`` says which methods of the API a model has and how they are described, ``brief`` what it
is given back, ``shared`` how several programs use one folder. What a memory does is decided below.
"""
