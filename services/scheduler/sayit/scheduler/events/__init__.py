"""What happens to a job, told to its watchers: the publisher, the bus between schedulers, the stream of one watcher."""
