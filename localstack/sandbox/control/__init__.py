"""How tests and the tool steer the sandbox: `/_sandbox/...`, the clock, faults, the call log, forks."""
