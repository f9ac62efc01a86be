"""HTTP in and out: request to call, answer or error to response."""
