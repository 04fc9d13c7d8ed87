"""HTTP of the sandbox: the server, its requests and answers, and addresses without one."""
