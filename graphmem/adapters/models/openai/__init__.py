"""Chat and embeddings of OpenAI, and of all servers that speak its protocol (Ollama, vLLM, …).

What such servers do differently is found out and handled here, and only here.
"""
