"""The Functions worker as far as it runs our code: its runtime library, driven without a host.

Messages are the host's own, from the protobuf modules inside the library's wheel. The wheel
installs those as a part of a top-level package `tests`: the name of ours, which comes first on the
path. So they are imported by their place in the file system, under a name of their own, and without
their package's `__init__`, which would want gRPC.

Nothing of `shared` is imported here: what a function's cold start loads is to be measured.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from importlib import import_module
from importlib.machinery import ModuleSpec
from importlib.metadata import distribution
from importlib.util import module_from_spec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit
from uuid import uuid4

import azure_functions_runtime_v1 as runtime

ROOT = Path(__file__).parents[2]
HOST = "https://oms.example.net"
DEADLINE_SECONDS = 60.0


def _import_protos() -> SimpleNamespace:
    package = "functions_host_protos"
    spec = ModuleSpec(package, None, is_package=True)
    place = distribution("azure-functions-runtime-v1").locate_file("tests/protos")
    spec.submodule_search_locations = [str(place)]
    sys.modules[package] = module_from_spec(spec)
    messages = import_module(f"{package}.FunctionRpc_pb2")
    nullables = import_module(f"{package}.shared.NullableTypes_pb2")
    return SimpleNamespace(**{**vars(nullables), **vars(messages)})


protos = _import_protos()


class LoadFailed(Exception):
    """The function cannot be loaded. The text is what the host would log."""


class InvocationFailed(Exception):
    """The invocation ended with an exception. The text is what the host would log."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the caller of an HTTP function is sent."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    cookies: Sequence[Any] = ()
    """RpcHttpCookie: the worker hands cookies on apart from the other headers."""

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Declaration:
    """A function folder as the host sees it: its function.json."""

    folder: Path
    content: dict[str, Any]

    @classmethod
    def of(cls, name: str) -> Declaration:
        return cls(ROOT / name, json.loads((ROOT / name / "function.json").read_bytes()))

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def script(self) -> Path:
        file: str = self.content.get("scriptFile", "__init__.py")
        return self.folder / file

    @property
    def bindings(self) -> list[dict[str, Any]]:
        return list(self.content["bindings"])

    @property
    def trigger(self) -> dict[str, Any]:
        [trigger] = [b for b in self.bindings if b["type"].lower().endswith("trigger")]
        return trigger

    def metadata(self) -> Any:
        """Return the message by which the host describes the function to the worker."""
        return protos.RpcFunctionMetadata(
            name=self.name,
            directory=str(self.folder),
            script_file=str(self.script),
            entry_point=self.content.get("entryPoint", ""),
            bindings={
                binding["name"]: protos.BindingInfo(
                    type=binding["type"],
                    direction=protos.BindingInfo.Direction.Value(binding.get("direction", "in")),
                )
                for binding in self.bindings
            },
        )


def declared_functions() -> list[Declaration]:
    """Find the functions as the host does: every folder at the root with a function.json."""
    return [Declaration.of(path.parent.name) for path in sorted(ROOT.glob("*/function.json"))]


@dataclass(frozen=True, slots=True)
class _Envelope:
    """How the worker's outer half hands a message to its runtime library."""

    request: Any
    properties: Mapping[str, Any]


class Worker:
    """One worker. Every message is handled on its one event loop, each as a task of its own."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="worker", daemon=True)
        self._modules: list[ModuleType] = []

    def __enter__(self) -> Self:
        self._thread.start()
        runtime.start_threadpool_executor()
        response = self.ask("worker_init_request", protos.WorkerInitRequest(host_version="4.0"))
        assert response.result.status == protos.StatusResult.Success
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(_cancel_the_others(), self.loop).result(DEADLINE_SECONDS)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        runtime.stop_threadpool_executor()
        self.loop.close()

    def begin(self, kind: str, message: Any) -> Future[Any]:
        """Send a message; its answer comes later."""
        envelope = _Envelope(
            protos.StreamingMessage(request_id=str(uuid4()), **{kind: message}),
            {"host": "127.0.0.1", "protos": protos},
        )
        return asyncio.run_coroutine_threadsafe(getattr(runtime, kind)(envelope), self.loop)

    def ask(self, kind: str, message: Any) -> Any:
        """Send a message and wait for its answer."""
        return self.begin(kind, message).result(DEADLINE_SECONDS)

    def specialize(self, environment: Mapping[str, str]) -> dict[str, str]:
        """Give a worker that was started in advance the app and its settings, as plans that scale
        to zero do. Returns what the worker says it can.
        """
        message = protos.FunctionEnvironmentReloadRequest(
            environment_variables=dict(environment), function_app_directory=str(ROOT)
        )
        response = self.ask("function_environment_reload_request", message)
        assert response.result.status == protos.StatusResult.Success
        return dict(response.capabilities)

    def load(self, name: str) -> LoadedFunction:
        """Load a function from its function.json, anew. Raises LoadFailed."""
        declaration = Declaration.of(name)
        # A worker process loads a function once; here each load stands for a new process.
        sys.modules.pop(f"__app__.{name}", None)
        function_id = str(uuid4())
        message = protos.FunctionLoadRequest(
            function_id=function_id, metadata=declaration.metadata()
        )
        response = self.ask("function_load_request", message)
        if response.result.status != protos.StatusResult.Success:
            raise LoadFailed(response.result.exception.message)
        module = sys.modules[f"__app__.{name}"]
        # An ASGI app waits for its shutdown in a task that only the module keeps alive.
        self._modules.append(module)
        return LoadedFunction(self, function_id, declaration.trigger, module)


@dataclass(frozen=True, slots=True)
class LoadedFunction:
    """A function in a worker, ready to be invoked."""

    worker: Worker
    function_id: str
    trigger: Mapping[str, Any]
    module: ModuleType

    def begin_http(
        self, method: str, url: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Future[Any]:
        """Send a call; the path of `url` is what stands in the request line."""
        parts = urlsplit(url)
        http = protos.RpcHttp(
            method=method,
            url=HOST + url,
            headers={name.lower(): value for name, value in (headers or {}).items()},
            params={"route": parts.path.lstrip("/")},
            query=dict(parse_qsl(parts.query)),
        )
        if body:
            http.body.CopyFrom(protos.TypedData(bytes=body))
        return self._begin(protos.TypedData(http=http))

    def http(
        self, method: str, url: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Send a call and wait for its answer. Raises InvocationFailed."""
        return answer_of(self.begin_http(method, url, body, headers))

    def post_json(self, url: str, body: Any, **headers: str) -> Answer:
        media = {"Content-Type": "application/json"}
        return self.http("POST", url, json.dumps(body).encode(), {**media, **headers})

    def begin_tick(self, *, past_due: bool = False) -> Future[Any]:
        tick = {
            "Schedule": {"AdjustForDST": True},
            "ScheduleStatus": {
                "Last": "2026-03-02T09:00:00.0000000+00:00",
                "LastUpdated": "2026-03-02T09:00:00.0000000+00:00",
                "Next": "2026-03-02T09:00:30.0000000+00:00",
            },
            "IsPastDue": past_due,
        }
        return self._begin(protos.TypedData(json=json.dumps(tick)))

    def tick(self, *, past_due: bool = False) -> None:
        """Let the timer fire and wait for the end of the run. Raises InvocationFailed."""
        succeeded(self.begin_tick(past_due=past_due))

    def _begin(self, data: Any) -> Future[Any]:
        message = protos.InvocationRequest(
            invocation_id=str(uuid4()),
            function_id=self.function_id,
            input_data=[protos.ParameterBinding(name=self.trigger["name"], data=data)],
        )
        return self.worker.begin("invocation_request", message)


Load = Callable[[str, Mapping[str, str]], LoadedFunction]
"""Loads a function by its name, with these settings."""


def succeeded(invocation: Future[Any]) -> Any:
    """Wait for an invocation and return its response. Raises InvocationFailed."""
    response = invocation.result(DEADLINE_SECONDS)
    if response.result.status != protos.StatusResult.Success:
        raise InvocationFailed(response.result.exception.message)
    return response


def answer_of(invocation: Future[Any]) -> Answer:
    """Wait for a call and return what its caller is sent. Raises InvocationFailed."""
    http = succeeded(invocation).return_value.http
    headers = {name.lower(): value for name, value in http.headers.items()}
    return Answer(int(http.status_code), headers, http.body.bytes, list(http.cookies))


async def _cancel_the_others() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
