"""An implementer of forge.yaml, everything in memory. Started with `python forge_service.py PORT`."""

from __future__ import annotations

import re
import sys
from datetime import date
from typing import Any

from flask import Flask, abort, jsonify, request

app = Flask(__name__)
NAME = re.compile(r"[a-z][a-z0-9-]{0,38}")
users: dict[str, dict[str, Any]] = {}
repos: dict[tuple[str, str], dict[str, Any]] = {}
shelves: dict[tuple[str, ...], dict[int, dict[str, Any]]] = {}
counts: dict[str, int] = {}

FIELDS: dict[str, dict[str, Any]] = {
    "user": {"username": str, "email": str, "full_name": (str, type(None))},
    "keys": {"title": str, "key": str},
    "repo": {"owner": str, "name": str, "description": str, "private": bool},
    "issues": {"title": str, "state": str, "labels": list, "due": (str, type(None))},
    "comments": {"body": str, "author": str},
    "labels": {"name": str, "color": str},
    "releases": {"tag": str, "title": str, "draft": bool},
}
NEEDED = {
    "user": ("username", "email"),
    "keys": ("title", "key"),
    "repo": ("owner", "name"),
    "issues": ("title", "state"),
    "comments": ("body",),
    "labels": ("name", "color"),
    "releases": ("tag", "draft"),
}


def next_id(kind: str) -> int:
    counts[kind] = counts.get(kind, 0) + 1
    return counts[kind]


def taken(kind: str, *, whole: bool = True) -> dict[str, Any]:
    """The fields of the request, refused when they are not what they should be."""
    data = request.get_json(silent=True)
    fields = FIELDS[kind]
    if not isinstance(data, dict) or (whole and any(key not in data for key in NEEDED[kind])):
        abort(422)
    for key, value in data.items():
        wrong = key in fields and (not isinstance(value, fields[key]) or value == "")
        if wrong or (key == "state" and value not in ("open", "closed")):
            abort(422)
        if key in ("username", "owner") and not NAME.fullmatch(value):
            abort(422)
        if key == "due" and value is not None and not is_date(value):
            abort(422)
    return {key: value for key, value in data.items() if key in fields}


def is_date(text: str) -> bool:
    try:
        return bool(date.fromisoformat(text))
    except ValueError:
        return False


def shelf(kind: str, *owner: str) -> dict[int, dict[str, Any]]:
    return shelves.setdefault((kind, *owner), {})


@app.errorhandler(404)
def missing(error: Exception) -> Any:
    return jsonify(message="there is none"), 404


@app.errorhandler(422)
def invalid(error: Exception) -> Any:
    return jsonify(message="that cannot be taken"), 422


@app.get("/api/v1/version")
def version() -> Any:
    return jsonify(version="1.0.0")


@app.route("/api/v1/users", methods=["GET", "POST"])
def all_users() -> Any:
    if request.method == "GET":
        return jsonify(list(users.values()))
    data = taken("user")
    users[data["username"]] = {"id": next_id("user"), **data}
    return jsonify(users[data["username"]]), 201


@app.route("/api/v1/users/<username>", methods=["GET", "PATCH", "DELETE"])
def one_user(username: str) -> Any:
    return one(users, username, "user")


def one(kept: dict[Any, dict[str, Any]], key: Any, kind: str) -> Any:
    if key not in kept:
        abort(404)
    if request.method == "DELETE":
        del kept[key]
        return "", 204
    if request.method == "PATCH":
        kept[key] |= taken(kind, whole=False)
    return jsonify(kept[key])


def many(kept: dict[int, dict[str, Any]], kind: str, number: str = "id") -> Any:
    if request.method == "GET":
        return jsonify(list(kept.values()))
    count = next_id(kind)
    kept[count] = {number: count, **taken(kind)}
    return jsonify(kept[count]), 201


@app.route("/api/v1/users/<username>/keys", methods=["GET", "POST"])
def all_keys(username: str) -> Any:
    return many(shelf("keys", username), "keys") if username in users else abort(404)


@app.route("/api/v1/users/<username>/keys/<int:number>", methods=["GET", "DELETE"])
def one_key(username: str, number: int) -> Any:
    return one(shelf("keys", username), number, "keys")


@app.route("/api/v1/repos", methods=["GET", "POST"])
def all_repos() -> Any:
    if request.method == "GET":
        return jsonify(items=list(repos.values()), total=len(repos))
    data = taken("repo")
    repos[data["owner"], data["name"]] = {"id": next_id("repo"), **data}
    return jsonify(repos[data["owner"], data["name"]]), 201


@app.route("/api/v1/repos/<owner>/<repo>", methods=["GET", "PATCH", "DELETE"])
def one_repo(owner: str, repo: str) -> Any:
    return one(repos, (owner, repo), "repo")


@app.route("/api/v1/repos/<owner>/<repo>/<any(issues,labels,releases):kind>", methods=["GET", "POST"])
def all_of(owner: str, repo: str, kind: str) -> Any:
    if (owner, repo) not in repos:
        abort(404)
    return many(shelf(kind, owner, repo), kind, "index" if kind == "issues" else "id")


@app.route(
    "/api/v1/repos/<owner>/<repo>/<any(issues,labels,releases):kind>/<int:number>", methods=["GET", "PATCH", "DELETE"]
)
def one_of(owner: str, repo: str, kind: str, number: int) -> Any:
    return one(shelf(kind, owner, repo), number, kind)


@app.route("/api/v1/repos/<owner>/<repo>/issues/<int:index>/comments", methods=["GET", "POST"])
def all_comments(owner: str, repo: str, index: int) -> Any:
    if index not in shelf("issues", owner, repo):
        abort(404)
    return many(shelf("comments", owner, repo), "comments")


@app.route("/api/v1/repos/<owner>/<repo>/issues/comments/<int:number>", methods=["GET", "DELETE"])
def one_comment(owner: str, repo: str, number: int) -> Any:
    return one(shelf("comments", owner, repo), number, "comments")


if __name__ == "__main__":
    app.run(port=int(sys.argv[1]), threaded=True)
