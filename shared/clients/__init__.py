"""The other systems, as clients: Reference Data, Thunderhead, Event Hubs.

They implement the ports of `shared.jobs.ports`. Each outbound call has one total time limit;
nothing here retries but a call that was refused for an outdated token.
"""
