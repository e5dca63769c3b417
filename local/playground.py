"""The system left running, to be played with: its addresses, and its events as they come."""

import shlex
from typing import NoReturn

from rich.console import Console

from local.scenes import play_scenes
from local.stack import Ports, Stack, running_stack
from local.stopping import StopSignals

PORTS = Ports(api=8080, reference_data=8081, thunderhead=8082)

_REQUEST = (
    '{"sourceSystem":"ARCADE","requestCorrelationId":"HELLO-1","documentType":"REMINDER",'
    '"documentName":"RMDRPAY1","language":"EN","content":{"Reminder":{"AmountDue":59.90}}}'
)
_FRAME_SECONDS = 0.2


def run_playground(stop: StopSignals, console: Console) -> NoReturn:
    """Leave the stack running and print every event. Ends by raising Stopped or StackFailed."""
    console.print("Starting the system ...")
    with running_stack(stop, console.print, PORTS) as stack:
        # Addresses and commands stay in one piece, whatever the width: they are to be copied.
        console.print(_addresses(stack), soft_wrap=True, markup=False)
        play_scenes(stack)
        console.print("The console has something of everything to show now.\n")
        while True:
            for message in stack.new_events():
                event = message["value"] or {}
                data = event.get("data", {})
                line = (
                    f"✉ {message['topic']}[{message['partition']}]@{message['offset']}  "
                    f"{event.get('type')}  {data.get('requestCorrelationId')}  "
                    f"{message['key']}"
                )
                console.print(line, soft_wrap=True, markup=False)
            stack.children.pause(_FRAME_SECONDS)


def _addresses(stack: Stack) -> str:
    reference_data = stack.reference_data_url
    control = stack.thunderhead_url.removesuffix("/thunderhead/v1") + "/_simulator"
    found = shlex.quote(f"{stack.requests_url}?requestCorrelationId=HELLO-1")
    return f"""
Console         {stack.console_url}
API             {stack.requests_url}
  documentation {stack.api_url}/docs
  health        {stack.api_url}/health/ready
Reference Data  {reference_data}/reference-data/type/LANGUAGE
  control       {reference_data}/_simulator/requests
Thunderhead     {stack.thunderhead_url}
  control       {control}/ledger  {control}/requests
  faults        {control}/faults  (GET, POST, DELETE)
Kafka           {stack.bootstrap_servers}
Logs, database  {stack.directory}  (removed at the end)

Ask for a document, then look at what became of it (Ctrl-C ends it all):

  curl -sS -H 'Content-Type: application/json' {stack.requests_url} -d '{_REQUEST}'
  curl -sS {found}

Every event that the consumer sees is printed here:
"""
