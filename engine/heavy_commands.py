"""The commands that take a heavy slot when a plan does not name its own."""

from __future__ import annotations

DEFAULT_HEAVY: tuple[str, ...] = (
    "docker build",
    "docker buildx",
    "docker compose build",
    "docker compose up",
    "podman build",
    "cargo build",
    "cargo test",
    "cargo check",
    "cargo clippy",
    "npm ci",
    "npm install",
    "npm run build",
    "pnpm install",
    "pnpm build",
    "yarn install",
    "yarn build",
    "make",
    "gmake",
    "ninja",
    "cmake --build",
    "mvn",
    "gradle",
    "bazel",
    "go build",
    "go test",
    "dotnet build",
    "dotnet test",
    "swift build",
)
