import pytest
import requests

from local.thunderhead.__main__ import read_options
from local.thunderhead.options import ThunderheadOptions
from tests.local.processes import started


@pytest.mark.integration
def test_reference_data_runs_as_a_process() -> None:
    with started("local.reference_data", "--base-path", "/reference/") as simulator:
        url = simulator.line()
        assert url.endswith("/reference")
        assert requests.get(f"{url}/reference-data/type/LANGUAGE", timeout=5).status_code == 200
        assert simulator.terminate() == 0


@pytest.mark.integration
def test_thunderhead_runs_as_a_process() -> None:
    with started("local.thunderhead", "--port", "0") as simulator:
        url = simulator.line()
        assert url.endswith("/thunderhead/v1")
        response = requests.get(f"{url}/batches", params={"clientReference": "r"}, timeout=5)
        assert response.json() == {"items": []}
        assert simulator.terminate() == 0


def test_without_arguments_the_defaults_apply() -> None:
    assert read_options([]) == (ThunderheadOptions(), 0)


def test_arguments_become_options() -> None:
    options, port = read_options(
        [
            "--port=8082",
            "--authentication=oauth1",
            "--references-not-unique",
            "--lookup-not-supported",
            "--bad-documents-not-named",
            "--generation-seconds=1:2.5",
            "--latency-seconds=0.1",
        ]
    )
    assert port == 8082
    assert options.authentication == "oauth1"
    assert not options.references_unique
    assert not options.lookup_supported
    assert not options.names_bad_documents
    assert options.generation_seconds == (1.0, 2.5)
    assert options.latency_seconds == 0.1


def test_one_number_is_a_fixed_generation_time() -> None:
    assert read_options(["--generation-seconds", "3"])[0].generation_seconds == (3.0, 3.0)
