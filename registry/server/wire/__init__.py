"""What all endpoints share of HTTP: paths, bodies, failures, who is asking, and what is noted of each request."""
