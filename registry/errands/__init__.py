"""What a worker does at registries on somebody's behalf: pages and the API only write down what is asked."""
