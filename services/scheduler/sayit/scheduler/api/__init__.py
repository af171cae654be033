"""gRPC servicers of the scheduler: they translate, and decide nothing."""
