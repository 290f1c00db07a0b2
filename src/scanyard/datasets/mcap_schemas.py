"""JSON schemas of the Foxglove messages in our recordings: field names and types, as its documentation gives them."""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]
_NUMBER: Schema = {"type": "number"}
_INTEGER: Schema = {"type": "integer"}
_STRING: Schema = {"type": "string"}
_BOOLEAN: Schema = {"type": "boolean"}
_BYTES: Schema = {"type": "string", "contentEncoding": "base64"}


def _object(**properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


_TIME = _object(sec=_INTEGER, nsec=_INTEGER)
_VECTOR = _object(x=_NUMBER, y=_NUMBER, z=_NUMBER)
_QUATERNION = _object(x=_NUMBER, y=_NUMBER, z=_NUMBER, w=_NUMBER)
_POSE = _object(position=_VECTOR, orientation=_QUATERNION)
_COLOR = _object(r=_NUMBER, g=_NUMBER, b=_NUMBER, a=_NUMBER)
_ANY: Schema = {"type": "object"}
_TRANSFORM = _object(
    timestamp=_TIME, parent_frame_id=_STRING, child_frame_id=_STRING, translation=_VECTOR, rotation=_QUATERNION
)
_TEXT = _object(pose=_POSE, billboard=_BOOLEAN, font_size=_NUMBER, scale_invariant=_BOOLEAN, color=_COLOR, text=_STRING)
_ENTITY = _object(
    timestamp=_TIME,
    frame_id=_STRING,
    id=_STRING,
    lifetime=_TIME,
    frame_locked=_BOOLEAN,
    metadata=_list(_object(key=_STRING, value=_STRING)),
    arrows=_list(_ANY),
    cubes=_list(_object(pose=_POSE, size=_VECTOR, color=_COLOR)),
    spheres=_list(_ANY),
    cylinders=_list(_ANY),
    lines=_list(_ANY),
    triangles=_list(_ANY),
    texts=_list(_TEXT),
    models=_list(_ANY),
)

SCHEMAS: dict[str, Schema] = {
    name: {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": name, **body}
    for name, body in {
        "foxglove.FrameTransforms": _object(transforms=_list(_TRANSFORM)),
        "foxglove.PointCloud": _object(
            timestamp=_TIME,
            frame_id=_STRING,
            pose=_POSE,
            point_stride=_INTEGER,
            fields=_list(_object(name=_STRING, offset=_INTEGER, type=_INTEGER)),
            data=_BYTES,
        ),
        "foxglove.CompressedImage": _object(timestamp=_TIME, frame_id=_STRING, data=_BYTES, format=_STRING),
        "foxglove.CameraCalibration": _object(
            timestamp=_TIME,
            frame_id=_STRING,
            width=_INTEGER,
            height=_INTEGER,
            distortion_model=_STRING,
            D=_list(_NUMBER),
            K=_list(_NUMBER),
            R=_list(_NUMBER),
            P=_list(_NUMBER),
        ),
        "foxglove.SceneUpdate": _object(
            deletions=_list(_object(timestamp=_TIME, type=_INTEGER, id=_STRING)), entities=_list(_ENTITY)
        ),
    }.items()
}
"""By name."""
