"""The triggers in automations, fed by a service over real sockets."""
