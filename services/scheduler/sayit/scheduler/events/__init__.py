"""Job events for watchers: the publisher, the bus between schedulers, the stream of one watcher."""
