"""The mock of an OpenAPI contract: it answers everything, and says what is wrong with a request."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from papers import FORGE, ID, Mock, answers, paths, write

from engine.contracts.documents import Library
from engine.contracts.openapi_model import Api
from engine.contracts.schemas import Schemas, Way

ORDER = {
    "type": "object",
    "required": ["id", "email", "state"],
    "properties": {
        "id": {"type": "integer", "readOnly": True},
        "email": {"type": "string", "format": "email"},
        "state": {"enum": ["open", "paid"]},
        "note": {"type": ["string", "null"], "maxLength": 3},
        "parent": {"$ref": "#/components/schemas/Order"},
        "secret": {"type": "string", "writeOnly": True},
    },
}
TAKES_ORDER = {"required": True, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Order"}}}}


@pytest.fixture(scope="module")
def forge() -> Mock:
    return Mock(FORGE)


@pytest.fixture
def orders(tmp_path: Path) -> Mock:
    """A mock of orders."""
    order = {"$ref": "#/components/schemas/Order"}
    pages = {"name": "page", "in": "query", "schema": {"type": "integer", "minimum": 1}}
    document = paths(
        post_orders=answers(order, "201", requestBody=TAKES_ORDER),
        get_orders=answers({"type": "array", "items": order}, parameters=[pages]),
        get_orders_id=answers(order, parameters=[ID]),
    )
    return Mock(write(tmp_path, {**document, "components": {"schemas": {"Order": ORDER}}}))


def problem(mock: Mock, *request: object, **headers: str) -> tuple[int, str]:
    answer = mock.ask(*request, headers=headers)  # type: ignore[arg-type]
    return answer.status, json.loads(answer.body).get("error") or json.loads(answer.body).get("message")


def test_every_operation_of_a_big_document_is_answered_as_its_schema_says(forge: Mock) -> None:
    api = Api.of(Library().open_all(FORGE))
    given, sent = (Schemas(api.top.library, way) for way in (Way.GIVEN, Way.SENT))
    from engine.contracts.samples import Sampler

    assert len(api.operations) == 34
    for operation in api.operations:
        path = api.base + operation.path
        for parameter in operation.parameters:
            path = path.replace(f"{{{parameter.name}}}", str(parameter.sample(Sampler(Way.SENT))))
        body = operation.body.best.sample(Sampler(Way.SENT, sent.valid)) if operation.body.best else None
        answer = forge.ask(operation.method, path, body)
        assert operation.success is not None
        assert answer.status == operation.success.code, (operation.name, answer)
        media = operation.success.content.best
        if media is not None and media.schema is not None:
            assert given.problems(media.schema, json.loads(answer.body)) == []


def test_paths_lie_below_the_server_or_at_the_top(forge: Mock) -> None:
    assert forge.json("GET", "/api/v1/version") == forge.json("GET", "/version")


def test_a_sample_is_made_of_the_schema(orders: Mock) -> None:
    made = orders.json("GET", "/orders/7")
    assert made == {"id": 1, "email": "ada@example.org", "state": "open", "note": "str"}
    assert orders.json("GET", "/orders?page=2") == [made]


def test_what_is_wrong_with_a_request_is_said(orders: Mock) -> None:
    good = {"email": "ada@example.org", "state": "open"}
    assert orders.ask("POST", "/orders", good).status == 201
    wrong = {
        "`body.email` is missing": {"state": "open"},
        "there is `mail`, which the contract does not name": {"state": "open", "mail": "ada@example.org"},
        '`body.state` is "shut", should be one of "open", "paid"': {**good, "state": "shut"},
        "`body.email` is an integer (1), should be string": {**good, "email": 1},
        '`body.email` is "ada", which is no email': {**good, "email": "ada"},
        "the contract does not name `body.nota` (it names `note`)": {**good, "nota": "x"},
        "`body.parent.state` is missing": {**good, "parent": {"email": "ada@example.org"}},
    }
    for words, body in wrong.items():
        status, told = problem(orders, "POST", "/orders", body)
        assert status == 400
        assert words in told
    assert problem(orders, "POST", "/orders")[1] == "the body is missing"
    assert "not JSON" in problem(orders, "POST", "/orders", b"{")[1]
    answer = orders.ask("POST", "/orders", b"email=a", {"Content-Type": "application/x-www-form-urlencoded"})
    assert "should be application/json" in answer.body.decode()


def test_parameters_are_looked_at(orders: Mock) -> None:
    assert problem(orders, "GET", "/orders/seven") == (
        400,
        'the path parameter `id` is a string ("seven"), should be integer',
    )
    assert "the query parameter `page`" in problem(orders, "GET", "/orders?page=0")[1]
    assert "no query parameter `pages`; did you mean `page`?" in problem(orders, "GET", "/orders?pages=1")[1]


def test_what_the_contract_does_not_have_is_said_with_what_it_has(orders: Mock) -> None:
    assert problem(orders, "GET", "/order") == (404, "the contract has no path /order; did you mean /orders?")
    answer = orders.ask("DELETE", "/orders")
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, POST")


def test_a_refusal_has_the_shape_the_contract_gives_it(forge: Mock) -> None:
    status, told = problem(forge, "POST", "/api/v1/users", {"username": "ada", "mail": "a@example.org"})
    assert status == 422
    assert told == "`body.email` is missing; there is `mail`, which the contract does not name"


def test_a_client_can_prefer_an_answer(forge: Mock, tmp_path: Path) -> None:
    answer = forge.ask("GET", "/users/ada", headers={"Prefer": "code=404"})
    assert answer.status == 404
    operation = answers({"type": "integer"})
    media = operation["responses"]["200"]["content"]["application/json"]  # type: ignore[index]
    media["examples"] = {"few": {"value": 3}, "many": {"value": 30}}
    mock = Mock(write(tmp_path, paths(get_a=operation)))
    assert mock.json("GET", "/a") == 3
    assert mock.json("GET", "/a", Prefer="example=many") == 30


def test_literal_paths_go_before_templates(tmp_path: Path) -> None:
    mock = Mock(
        write(
            tmp_path, paths(get_a_id=answers({"const": "any"}, parameters=[ID]), get_a_mine=answers({"const": "mine"}))
        )
    )
    assert mock.json("GET", "/a/mine") == "mine"
    assert mock.json("GET", "/a/1") == "any"


OLD = {
    "type": "object",
    "required": ["a", "b"],
    "properties": {
        "a": {"type": "string", "nullable": True},
        "b": {"nullable": True, "allOf": [{"$ref": "#/components/schemas/B"}]},
        "c": {"type": "integer", "minimum": 3, "exclusiveMinimum": True},
        "nullable": {"type": "boolean"},
    },
    "example": {"a": None, "b": None, "c": 4, "nullable": True},
}


def test_openapi_3_0_is_understood(tmp_path: Path) -> None:
    document = paths(post_a=answers(OLD, requestBody={"content": {"application/json": {"schema": OLD}}}))
    components = {"schemas": {"B": {"type": "object", "properties": {"x": {"type": "integer"}}}}}
    mock = Mock(write(tmp_path, {**document, "openapi": "3.0.3", "components": components}))
    assert mock.json("POST", "/a", OLD["example"]) == OLD["example"]
    assert "body.c" in problem(mock, "POST", "/a", {"a": None, "b": None, "c": 3})[1]
    assert "`body.a`" in problem(mock, "POST", "/a", {"a": 1, "b": {"x": 1}})[1]


SAMPLES: list[tuple[object, object]] = [
    ({"oneOf": [{"type": "null"}, {"type": "integer", "minimum": 5}]}, 5),
    ({"allOf": [{"properties": {"a": {"const": 1}}}, {"properties": {"b": {"const": 2}}}]}, {"a": 1, "b": 2}),
    ({"type": "object", "required": ["k"], "additionalProperties": {"type": "integer"}}, {"k": 1}),
    ({"type": "object", "additionalProperties": {"type": "boolean"}}, {"key1": True}),
    ({"type": "array", "items": {"enum": ["a", "b"]}, "minItems": 2, "uniqueItems": True}, ["a", "b"]),
    ({"type": "array", "prefixItems": [{"const": 1}, {"const": "x"}]}, [1, "x"]),
    ({"type": "number", "exclusiveMinimum": 2, "maximum": 2.5}, 2.5),
    ({"type": "integer", "multipleOf": 7, "minimum": 8}, 14),
    ({"type": "string", "minLength": 9}, "stringxxx"),
    ({"type": "string", "pattern": r"^\d{3}$"}, "123"),
    ({"type": ["null", "string"], "format": "date"}, "2026-01-15"),
    ({"minimum": 3}, 3),
    ({"type": "integer", "default": 9}, 9),
    ({"type": "integer", "default": "broken", "example": "broken too"}, 1),
    (True, "anything"),
]


@pytest.mark.parametrize(("schema", "made"), SAMPLES, ids=lambda value: str(value)[:30])
def test_samples(tmp_path: Path, schema: object, made: object) -> None:
    assert Mock(write(tmp_path, paths(get_a=answers(schema)))).json("GET", "/a") == made


def test_a_pattern_nobody_would_guess_is_matched_the_same_way_each_time(tmp_path: Path) -> None:
    document = paths(get_a=answers({"type": "string", "pattern": "^[A-Z]{3}-[0-9]{4}$"}))
    first, second = (Mock(write(tmp_path, document)).json("GET", "/a") for _ in range(2))
    assert first == second
    assert first[3] == "-"


def test_a_schema_that_contains_itself_ends(tmp_path: Path) -> None:
    tree = {
        "type": "object",
        "properties": {"leaves": {"type": "array", "items": {"$ref": "#/components/schemas/Tree"}}},
    }
    document = {
        **paths(get_a=answers({"$ref": "#/components/schemas/Tree"})),
        "components": {"schemas": {"Tree": tree}},
    }
    assert Mock(write(tmp_path, document)).json("GET", "/a") == {"leaves": []}
