"""The web application: pages, a REST API, and what protects them."""
