from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Validity(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    VALIDITY_UNSPECIFIED: _ClassVar[Validity]
    VALIDITY_RECORDED: _ClassVar[Validity]
    VALIDITY_ONCE: _ClassVar[Validity]

class InputKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    INPUT_KIND_UNSPECIFIED: _ClassVar[InputKind]
    INPUT_KIND_VARIABLE: _ClassVar[InputKind]
    INPUT_KIND_FILE: _ClassVar[InputKind]
    INPUT_KIND_PRESENCE: _ClassVar[InputKind]
    INPUT_KIND_FOLDER: _ClassVar[InputKind]
    INPUT_KIND_REAL_PATH: _ClassVar[InputKind]

class TaskKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TASK_KIND_UNSPECIFIED: _ClassVar[TaskKind]
    TASK_KIND_NORMAL: _ClassVar[TaskKind]
    TASK_KIND_DEVICE: _ClassVar[TaskKind]
    TASK_KIND_FACTORY: _ClassVar[TaskKind]

class ArgumentType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ARGUMENT_TYPE_UNSPECIFIED: _ClassVar[ArgumentType]
    ARGUMENT_TYPE_STRING: _ClassVar[ArgumentType]
    ARGUMENT_TYPE_INT: _ClassVar[ArgumentType]
    ARGUMENT_TYPE_FLOAT: _ClassVar[ArgumentType]
    ARGUMENT_TYPE_BOOL: _ClassVar[ArgumentType]
    ARGUMENT_TYPE_JSON: _ClassVar[ArgumentType]
    ARGUMENT_TYPE_PATH: _ClassVar[ArgumentType]
    ARGUMENT_TYPE_DURATION: _ClassVar[ArgumentType]
    ARGUMENT_TYPE_CUSTOM: _ClassVar[ArgumentType]

class Stage(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STAGE_UNSPECIFIED: _ClassVar[Stage]
    STAGE_LIST: _ClassVar[Stage]
    STAGE_RUN: _ClassVar[Stage]
    STAGE_SPAWN: _ClassVar[Stage]
    STAGE_LOAD: _ClassVar[Stage]
    STAGE_DEVICE: _ClassVar[Stage]
    STAGE_FINISH: _ClassVar[Stage]

class Encoding(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ENCODING_UNSPECIFIED: _ClassVar[Encoding]
    ENCODING_JSON_LINES: _ClassVar[Encoding]
    ENCODING_OPAQUE: _ClassVar[Encoding]
    ENCODING_MARSHAL: _ClassVar[Encoding]

class Fault(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FAULT_UNSPECIFIED: _ClassVar[Fault]
    FAULT_USER: _ClassVar[Fault]
    FAULT_TASK: _ClassVar[Fault]
    FAULT_KAGURAZAKA: _ClassVar[Fault]
    FAULT_ENVIRONMENT: _ClassVar[Fault]
VALIDITY_UNSPECIFIED: Validity
VALIDITY_RECORDED: Validity
VALIDITY_ONCE: Validity
INPUT_KIND_UNSPECIFIED: InputKind
INPUT_KIND_VARIABLE: InputKind
INPUT_KIND_FILE: InputKind
INPUT_KIND_PRESENCE: InputKind
INPUT_KIND_FOLDER: InputKind
INPUT_KIND_REAL_PATH: InputKind
TASK_KIND_UNSPECIFIED: TaskKind
TASK_KIND_NORMAL: TaskKind
TASK_KIND_DEVICE: TaskKind
TASK_KIND_FACTORY: TaskKind
ARGUMENT_TYPE_UNSPECIFIED: ArgumentType
ARGUMENT_TYPE_STRING: ArgumentType
ARGUMENT_TYPE_INT: ArgumentType
ARGUMENT_TYPE_FLOAT: ArgumentType
ARGUMENT_TYPE_BOOL: ArgumentType
ARGUMENT_TYPE_JSON: ArgumentType
ARGUMENT_TYPE_PATH: ArgumentType
ARGUMENT_TYPE_DURATION: ArgumentType
ARGUMENT_TYPE_CUSTOM: ArgumentType
STAGE_UNSPECIFIED: Stage
STAGE_LIST: Stage
STAGE_RUN: Stage
STAGE_SPAWN: Stage
STAGE_LOAD: Stage
STAGE_DEVICE: Stage
STAGE_FINISH: Stage
ENCODING_UNSPECIFIED: Encoding
ENCODING_JSON_LINES: Encoding
ENCODING_OPAQUE: Encoding
ENCODING_MARSHAL: Encoding
FAULT_UNSPECIFIED: Fault
FAULT_USER: Fault
FAULT_TASK: Fault
FAULT_KAGURAZAKA: Fault
FAULT_ENVIRONMENT: Fault

class DescribeRequest(_message.Message):
    __slots__ = ("host_version", "capabilities", "task", "mixin_json")
    HOST_VERSION_FIELD_NUMBER: _ClassVar[int]
    CAPABILITIES_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    MIXIN_JSON_FIELD_NUMBER: _ClassVar[int]
    host_version: str
    capabilities: _containers.RepeatedScalarFieldContainer[str]
    task: str
    mixin_json: bytes
    def __init__(self, host_version: _Optional[str] = ..., capabilities: _Optional[_Iterable[str]] = ..., task: _Optional[str] = ..., mixin_json: _Optional[bytes] = ...) -> None: ...

class DescribeResponse(_message.Message):
    __slots__ = ("error", "name", "version", "sdk", "capabilities", "tasks", "sources", "validity", "inputs", "once_because")
    ERROR_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    SDK_FIELD_NUMBER: _ClassVar[int]
    CAPABILITIES_FIELD_NUMBER: _ClassVar[int]
    TASKS_FIELD_NUMBER: _ClassVar[int]
    SOURCES_FIELD_NUMBER: _ClassVar[int]
    VALIDITY_FIELD_NUMBER: _ClassVar[int]
    INPUTS_FIELD_NUMBER: _ClassVar[int]
    ONCE_BECAUSE_FIELD_NUMBER: _ClassVar[int]
    error: Error
    name: str
    version: str
    sdk: str
    capabilities: _containers.RepeatedScalarFieldContainer[str]
    tasks: _containers.RepeatedCompositeFieldContainer[Task]
    sources: _containers.RepeatedScalarFieldContainer[str]
    validity: Validity
    inputs: _containers.RepeatedCompositeFieldContainer[Input]
    once_because: str
    def __init__(self, error: _Optional[_Union[Error, _Mapping]] = ..., name: _Optional[str] = ..., version: _Optional[str] = ..., sdk: _Optional[str] = ..., capabilities: _Optional[_Iterable[str]] = ..., tasks: _Optional[_Iterable[_Union[Task, _Mapping]]] = ..., sources: _Optional[_Iterable[str]] = ..., validity: _Optional[_Union[Validity, str]] = ..., inputs: _Optional[_Iterable[_Union[Input, _Mapping]]] = ..., once_because: _Optional[str] = ...) -> None: ...

class Input(_message.Message):
    __slots__ = ("kind", "name", "state")
    KIND_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    kind: InputKind
    name: str
    state: str
    def __init__(self, kind: _Optional[_Union[InputKind, str]] = ..., name: _Optional[str] = ..., state: _Optional[str] = ...) -> None: ...

class Task(_message.Message):
    __slots__ = ("name", "kind", "summary", "description", "arguments", "open_arguments", "usage", "template", "capabilities", "flags", "problems")
    NAME_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    ARGUMENTS_FIELD_NUMBER: _ClassVar[int]
    OPEN_ARGUMENTS_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    TEMPLATE_FIELD_NUMBER: _ClassVar[int]
    CAPABILITIES_FIELD_NUMBER: _ClassVar[int]
    FLAGS_FIELD_NUMBER: _ClassVar[int]
    PROBLEMS_FIELD_NUMBER: _ClassVar[int]
    name: str
    kind: TaskKind
    summary: str
    description: str
    arguments: _containers.RepeatedCompositeFieldContainer[Argument]
    open_arguments: bool
    usage: str
    template: Template
    capabilities: _containers.RepeatedScalarFieldContainer[str]
    flags: _containers.RepeatedScalarFieldContainer[str]
    problems: _containers.RepeatedCompositeFieldContainer[TaskProblem]
    def __init__(self, name: _Optional[str] = ..., kind: _Optional[_Union[TaskKind, str]] = ..., summary: _Optional[str] = ..., description: _Optional[str] = ..., arguments: _Optional[_Iterable[_Union[Argument, _Mapping]]] = ..., open_arguments: _Optional[bool] = ..., usage: _Optional[str] = ..., template: _Optional[_Union[Template, _Mapping]] = ..., capabilities: _Optional[_Iterable[str]] = ..., flags: _Optional[_Iterable[str]] = ..., problems: _Optional[_Iterable[_Union[TaskProblem, _Mapping]]] = ...) -> None: ...

class TaskProblem(_message.Message):
    __slots__ = ("where", "message", "suggestion", "fields")
    WHERE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    SUGGESTION_FIELD_NUMBER: _ClassVar[int]
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    where: str
    message: str
    suggestion: str
    fields: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, where: _Optional[str] = ..., message: _Optional[str] = ..., suggestion: _Optional[str] = ..., fields: _Optional[_Iterable[str]] = ...) -> None: ...

class Argument(_message.Message):
    __slots__ = ("name", "flags", "type", "type_name", "arity", "default_json", "choices_json", "required", "help", "repeatable", "negatable", "ends")
    NAME_FIELD_NUMBER: _ClassVar[int]
    FLAGS_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    TYPE_NAME_FIELD_NUMBER: _ClassVar[int]
    ARITY_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_JSON_FIELD_NUMBER: _ClassVar[int]
    CHOICES_JSON_FIELD_NUMBER: _ClassVar[int]
    REQUIRED_FIELD_NUMBER: _ClassVar[int]
    HELP_FIELD_NUMBER: _ClassVar[int]
    REPEATABLE_FIELD_NUMBER: _ClassVar[int]
    NEGATABLE_FIELD_NUMBER: _ClassVar[int]
    ENDS_FIELD_NUMBER: _ClassVar[int]
    name: str
    flags: _containers.RepeatedScalarFieldContainer[str]
    type: ArgumentType
    type_name: str
    arity: str
    default_json: str
    choices_json: _containers.RepeatedScalarFieldContainer[str]
    required: bool
    help: str
    repeatable: bool
    negatable: bool
    ends: bool
    def __init__(self, name: _Optional[str] = ..., flags: _Optional[_Iterable[str]] = ..., type: _Optional[_Union[ArgumentType, str]] = ..., type_name: _Optional[str] = ..., arity: _Optional[str] = ..., default_json: _Optional[str] = ..., choices_json: _Optional[_Iterable[str]] = ..., required: _Optional[bool] = ..., help: _Optional[str] = ..., repeatable: _Optional[bool] = ..., negatable: _Optional[bool] = ..., ends: _Optional[bool] = ...) -> None: ...

class CheckRequest(_message.Message):
    __slots__ = ("task", "args", "mixin_json")
    TASK_FIELD_NUMBER: _ClassVar[int]
    ARGS_FIELD_NUMBER: _ClassVar[int]
    MIXIN_JSON_FIELD_NUMBER: _ClassVar[int]
    task: str
    args: _containers.RepeatedScalarFieldContainer[str]
    mixin_json: bytes
    def __init__(self, task: _Optional[str] = ..., args: _Optional[_Iterable[str]] = ..., mixin_json: _Optional[bytes] = ...) -> None: ...

class CheckResponse(_message.Message):
    __slots__ = ("error", "parsed", "unknown", "ended")
    ERROR_FIELD_NUMBER: _ClassVar[int]
    PARSED_FIELD_NUMBER: _ClassVar[int]
    UNKNOWN_FIELD_NUMBER: _ClassVar[int]
    ENDED_FIELD_NUMBER: _ClassVar[int]
    error: Error
    parsed: bool
    unknown: _containers.RepeatedScalarFieldContainer[str]
    ended: ParserAnswer
    def __init__(self, error: _Optional[_Union[Error, _Mapping]] = ..., parsed: _Optional[bool] = ..., unknown: _Optional[_Iterable[str]] = ..., ended: _Optional[_Union[ParserAnswer, _Mapping]] = ...) -> None: ...

class ParserAnswer(_message.Message):
    __slots__ = ("output",)
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    output: str
    def __init__(self, output: _Optional[str] = ...) -> None: ...

class Template(_message.Message):
    __slots__ = ("fields",)
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    fields: _containers.RepeatedCompositeFieldContainer[Field]
    def __init__(self, fields: _Optional[_Iterable[_Union[Field, _Mapping]]] = ...) -> None: ...

class Field(_message.Message):
    __slots__ = ("name", "value", "help", "type_name", "key_json")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    HELP_FIELD_NUMBER: _ClassVar[int]
    TYPE_NAME_FIELD_NUMBER: _ClassVar[int]
    KEY_JSON_FIELD_NUMBER: _ClassVar[int]
    name: str
    value: Node
    help: str
    type_name: str
    key_json: str
    def __init__(self, name: _Optional[str] = ..., value: _Optional[_Union[Node, _Mapping]] = ..., help: _Optional[str] = ..., type_name: _Optional[str] = ..., key_json: _Optional[str] = ...) -> None: ...

class Node(_message.Message):
    __slots__ = ("placeholder", "mode", "list", "map", "json")
    PLACEHOLDER_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    LIST_FIELD_NUMBER: _ClassVar[int]
    MAP_FIELD_NUMBER: _ClassVar[int]
    JSON_FIELD_NUMBER: _ClassVar[int]
    placeholder: Placeholder
    mode: Mode
    list: NodeList
    map: NodeMap
    json: str
    def __init__(self, placeholder: _Optional[_Union[Placeholder, _Mapping]] = ..., mode: _Optional[_Union[Mode, _Mapping]] = ..., list: _Optional[_Union[NodeList, _Mapping]] = ..., map: _Optional[_Union[NodeMap, _Mapping]] = ..., json: _Optional[str] = ...) -> None: ...

class Placeholder(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Mode(_message.Message):
    __slots__ = ("name", "fields", "custom")
    NAME_FIELD_NUMBER: _ClassVar[int]
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    CUSTOM_FIELD_NUMBER: _ClassVar[int]
    name: str
    fields: _containers.RepeatedCompositeFieldContainer[Field]
    custom: bool
    def __init__(self, name: _Optional[str] = ..., fields: _Optional[_Iterable[_Union[Field, _Mapping]]] = ..., custom: _Optional[bool] = ...) -> None: ...

class NodeList(_message.Message):
    __slots__ = ("nodes",)
    NODES_FIELD_NUMBER: _ClassVar[int]
    nodes: _containers.RepeatedCompositeFieldContainer[Node]
    def __init__(self, nodes: _Optional[_Iterable[_Union[Node, _Mapping]]] = ...) -> None: ...

class NodeMap(_message.Message):
    __slots__ = ("fields",)
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    fields: _containers.RepeatedCompositeFieldContainer[Field]
    def __init__(self, fields: _Optional[_Iterable[_Union[Field, _Mapping]]] = ...) -> None: ...

class OpenRequest(_message.Message):
    __slots__ = ("task", "args", "template", "mixin_json", "stage", "worker_index", "workers", "device", "slots", "heartbeat_path", "staging", "capabilities", "native_template", "stderr_path", "memory", "batch_size", "direct", "listing", "placement", "debug")
    TASK_FIELD_NUMBER: _ClassVar[int]
    ARGS_FIELD_NUMBER: _ClassVar[int]
    TEMPLATE_FIELD_NUMBER: _ClassVar[int]
    MIXIN_JSON_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    WORKER_INDEX_FIELD_NUMBER: _ClassVar[int]
    WORKERS_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    SLOTS_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_PATH_FIELD_NUMBER: _ClassVar[int]
    STAGING_FIELD_NUMBER: _ClassVar[int]
    CAPABILITIES_FIELD_NUMBER: _ClassVar[int]
    NATIVE_TEMPLATE_FIELD_NUMBER: _ClassVar[int]
    STDERR_PATH_FIELD_NUMBER: _ClassVar[int]
    MEMORY_FIELD_NUMBER: _ClassVar[int]
    BATCH_SIZE_FIELD_NUMBER: _ClassVar[int]
    DIRECT_FIELD_NUMBER: _ClassVar[int]
    LISTING_FIELD_NUMBER: _ClassVar[int]
    PLACEMENT_FIELD_NUMBER: _ClassVar[int]
    DEBUG_FIELD_NUMBER: _ClassVar[int]
    task: str
    args: _containers.RepeatedScalarFieldContainer[str]
    template: Template
    mixin_json: bytes
    stage: Stage
    worker_index: int
    workers: int
    device: str
    slots: int
    heartbeat_path: str
    staging: Staging
    capabilities: _containers.RepeatedScalarFieldContainer[str]
    native_template: bool
    stderr_path: str
    memory: SharedMemory
    batch_size: int
    direct: Direct
    listing: ListingPolicy
    placement: Placement
    debug: Debug
    def __init__(self, task: _Optional[str] = ..., args: _Optional[_Iterable[str]] = ..., template: _Optional[_Union[Template, _Mapping]] = ..., mixin_json: _Optional[bytes] = ..., stage: _Optional[_Union[Stage, str]] = ..., worker_index: _Optional[int] = ..., workers: _Optional[int] = ..., device: _Optional[str] = ..., slots: _Optional[int] = ..., heartbeat_path: _Optional[str] = ..., staging: _Optional[_Union[Staging, _Mapping]] = ..., capabilities: _Optional[_Iterable[str]] = ..., native_template: _Optional[bool] = ..., stderr_path: _Optional[str] = ..., memory: _Optional[_Union[SharedMemory, _Mapping]] = ..., batch_size: _Optional[int] = ..., direct: _Optional[_Union[Direct, _Mapping]] = ..., listing: _Optional[_Union[ListingPolicy, _Mapping]] = ..., placement: _Optional[_Union[Placement, _Mapping]] = ..., debug: _Optional[_Union[Debug, _Mapping]] = ...) -> None: ...

class Placement(_message.Message):
    __slots__ = ("cpus", "memory_nodes", "threads")
    CPUS_FIELD_NUMBER: _ClassVar[int]
    MEMORY_NODES_FIELD_NUMBER: _ClassVar[int]
    THREADS_FIELD_NUMBER: _ClassVar[int]
    cpus: _containers.RepeatedScalarFieldContainer[int]
    memory_nodes: _containers.RepeatedScalarFieldContainer[int]
    threads: int
    def __init__(self, cpus: _Optional[_Iterable[int]] = ..., memory_nodes: _Optional[_Iterable[int]] = ..., threads: _Optional[int] = ...) -> None: ...

class Debug(_message.Message):
    __slots__ = ("locals", "wait", "terminal")
    LOCALS_FIELD_NUMBER: _ClassVar[int]
    WAIT_FIELD_NUMBER: _ClassVar[int]
    TERMINAL_FIELD_NUMBER: _ClassVar[int]
    locals: bool
    wait: bool
    terminal: str
    def __init__(self, locals: _Optional[bool] = ..., wait: _Optional[bool] = ..., terminal: _Optional[str] = ...) -> None: ...

class ListingPolicy(_message.Message):
    __slots__ = ("outputs_outside", "list_outputs")
    OUTPUTS_OUTSIDE_FIELD_NUMBER: _ClassVar[int]
    LIST_OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    outputs_outside: bool
    list_outputs: bool
    def __init__(self, outputs_outside: _Optional[bool] = ..., list_outputs: _Optional[bool] = ...) -> None: ...

class SharedMemory(_message.Message):
    __slots__ = ("path", "size")
    PATH_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    path: str
    size: int
    def __init__(self, path: _Optional[str] = ..., size: _Optional[int] = ...) -> None: ...

class Staging(_message.Message):
    __slots__ = ("dir", "folder", "last")
    DIR_FIELD_NUMBER: _ClassVar[int]
    FOLDER_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    dir: str
    folder: bool
    last: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, dir: _Optional[str] = ..., folder: _Optional[bool] = ..., last: _Optional[_Iterable[str]] = ...) -> None: ...

class Direct(_message.Message):
    __slots__ = ("page", "unfinished", "root", "field", "mapped", "synced", "run")
    PAGE_FIELD_NUMBER: _ClassVar[int]
    UNFINISHED_FIELD_NUMBER: _ClassVar[int]
    ROOT_FIELD_NUMBER: _ClassVar[int]
    FIELD_FIELD_NUMBER: _ClassVar[int]
    MAPPED_FIELD_NUMBER: _ClassVar[int]
    SYNCED_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    page: str
    unfinished: str
    root: str
    field: str
    mapped: bool
    synced: bool
    run: str
    def __init__(self, page: _Optional[str] = ..., unfinished: _Optional[str] = ..., root: _Optional[str] = ..., field: _Optional[str] = ..., mapped: _Optional[bool] = ..., synced: _Optional[bool] = ..., run: _Optional[str] = ...) -> None: ...

class OpenResponse(_message.Message):
    __slots__ = ("error", "capabilities")
    ERROR_FIELD_NUMBER: _ClassVar[int]
    CAPABILITIES_FIELD_NUMBER: _ClassVar[int]
    error: Error
    capabilities: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, error: _Optional[_Union[Error, _Mapping]] = ..., capabilities: _Optional[_Iterable[str]] = ...) -> None: ...

class Block(_message.Message):
    __slots__ = ("encoding", "count", "payload", "keys", "content_keys")
    ENCODING_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    KEYS_FIELD_NUMBER: _ClassVar[int]
    CONTENT_KEYS_FIELD_NUMBER: _ClassVar[int]
    encoding: Encoding
    count: int
    payload: bytes
    keys: _containers.RepeatedScalarFieldContainer[str]
    content_keys: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, encoding: _Optional[_Union[Encoding, str]] = ..., count: _Optional[int] = ..., payload: _Optional[bytes] = ..., keys: _Optional[_Iterable[str]] = ..., content_keys: _Optional[_Iterable[int]] = ...) -> None: ...

class IndexRange(_message.Message):
    __slots__ = ("first", "count")
    FIRST_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    first: int
    count: int
    def __init__(self, first: _Optional[int] = ..., count: _Optional[int] = ...) -> None: ...

class ListRequest(_message.Message):
    __slots__ = ("max_items", "max_bytes", "accept_indexed", "accept_marshal")
    MAX_ITEMS_FIELD_NUMBER: _ClassVar[int]
    MAX_BYTES_FIELD_NUMBER: _ClassVar[int]
    ACCEPT_INDEXED_FIELD_NUMBER: _ClassVar[int]
    ACCEPT_MARSHAL_FIELD_NUMBER: _ClassVar[int]
    max_items: int
    max_bytes: int
    accept_indexed: bool
    accept_marshal: bool
    def __init__(self, max_items: _Optional[int] = ..., max_bytes: _Optional[int] = ..., accept_indexed: _Optional[bool] = ..., accept_marshal: _Optional[bool] = ...) -> None: ...

class ListResponse(_message.Message):
    __slots__ = ("block", "total", "indexed", "error", "warning")
    BLOCK_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    INDEXED_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    WARNING_FIELD_NUMBER: _ClassVar[int]
    block: Block
    total: int
    indexed: int
    error: Error
    warning: str
    def __init__(self, block: _Optional[_Union[Block, _Mapping]] = ..., total: _Optional[int] = ..., indexed: _Optional[int] = ..., error: _Optional[_Union[Error, _Mapping]] = ..., warning: _Optional[str] = ...) -> None: ...

class RunRequest(_message.Message):
    __slots__ = ("chunk", "batch")
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    chunk: Chunk
    batch: Batch
    def __init__(self, chunk: _Optional[_Union[Chunk, _Mapping]] = ..., batch: _Optional[_Union[Batch, _Mapping]] = ...) -> None: ...

class Chunk(_message.Message):
    __slots__ = ("id", "slot", "parts")
    ID_FIELD_NUMBER: _ClassVar[int]
    SLOT_FIELD_NUMBER: _ClassVar[int]
    PARTS_FIELD_NUMBER: _ClassVar[int]
    id: int
    slot: int
    parts: _containers.RepeatedCompositeFieldContainer[Part]
    def __init__(self, id: _Optional[int] = ..., slot: _Optional[int] = ..., parts: _Optional[_Iterable[_Union[Part, _Mapping]]] = ...) -> None: ...

class Part(_message.Message):
    __slots__ = ("block", "range", "skip", "take")
    BLOCK_FIELD_NUMBER: _ClassVar[int]
    RANGE_FIELD_NUMBER: _ClassVar[int]
    SKIP_FIELD_NUMBER: _ClassVar[int]
    TAKE_FIELD_NUMBER: _ClassVar[int]
    block: Block
    range: IndexRange
    skip: int
    take: int
    def __init__(self, block: _Optional[_Union[Block, _Mapping]] = ..., range: _Optional[_Union[IndexRange, _Mapping]] = ..., skip: _Optional[int] = ..., take: _Optional[int] = ...) -> None: ...

class RunResponse(_message.Message):
    __slots__ = ("result", "batch", "close_error")
    RESULT_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    CLOSE_ERROR_FIELD_NUMBER: _ClassVar[int]
    result: ChunkResult
    batch: BatchResult
    close_error: Error
    def __init__(self, result: _Optional[_Union[ChunkResult, _Mapping]] = ..., batch: _Optional[_Union[BatchResult, _Mapping]] = ..., close_error: _Optional[_Union[Error, _Mapping]] = ...) -> None: ...

class ChunkResult(_message.Message):
    __slots__ = ("id", "count", "skipped", "failures", "busy_ns", "unwritten", "unwritten_example")
    ID_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    SKIPPED_FIELD_NUMBER: _ClassVar[int]
    FAILURES_FIELD_NUMBER: _ClassVar[int]
    BUSY_NS_FIELD_NUMBER: _ClassVar[int]
    UNWRITTEN_FIELD_NUMBER: _ClassVar[int]
    UNWRITTEN_EXAMPLE_FIELD_NUMBER: _ClassVar[int]
    id: int
    count: int
    skipped: _containers.RepeatedCompositeFieldContainer[IndexRange]
    failures: _containers.RepeatedCompositeFieldContainer[ItemFailure]
    busy_ns: int
    unwritten: int
    unwritten_example: UnwrittenOutput
    def __init__(self, id: _Optional[int] = ..., count: _Optional[int] = ..., skipped: _Optional[_Iterable[_Union[IndexRange, _Mapping]]] = ..., failures: _Optional[_Iterable[_Union[ItemFailure, _Mapping]]] = ..., busy_ns: _Optional[int] = ..., unwritten: _Optional[int] = ..., unwritten_example: _Optional[_Union[UnwrittenOutput, _Mapping]] = ...) -> None: ...

class UnwrittenOutput(_message.Message):
    __slots__ = ("expected", "found")
    EXPECTED_FIELD_NUMBER: _ClassVar[int]
    FOUND_FIELD_NUMBER: _ClassVar[int]
    expected: str
    found: str
    def __init__(self, expected: _Optional[str] = ..., found: _Optional[str] = ...) -> None: ...

class ItemFailure(_message.Message):
    __slots__ = ("index", "error", "item", "busy_ns")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    ITEM_FIELD_NUMBER: _ClassVar[int]
    BUSY_NS_FIELD_NUMBER: _ClassVar[int]
    index: int
    error: Error
    item: str
    busy_ns: int
    def __init__(self, index: _Optional[int] = ..., error: _Optional[_Union[Error, _Mapping]] = ..., item: _Optional[str] = ..., busy_ns: _Optional[int] = ...) -> None: ...

class Batch(_message.Message):
    __slots__ = ("id", "parts", "region", "loaded", "result")
    ID_FIELD_NUMBER: _ClassVar[int]
    PARTS_FIELD_NUMBER: _ClassVar[int]
    REGION_FIELD_NUMBER: _ClassVar[int]
    LOADED_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    id: int
    parts: _containers.RepeatedCompositeFieldContainer[Part]
    region: Region
    loaded: Payload
    result: Payload
    def __init__(self, id: _Optional[int] = ..., parts: _Optional[_Iterable[_Union[Part, _Mapping]]] = ..., region: _Optional[_Union[Region, _Mapping]] = ..., loaded: _Optional[_Union[Payload, _Mapping]] = ..., result: _Optional[_Union[Payload, _Mapping]] = ...) -> None: ...

class Region(_message.Message):
    __slots__ = ("offset", "size")
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    offset: int
    size: int
    def __init__(self, offset: _Optional[int] = ..., size: _Optional[int] = ...) -> None: ...

class Payload(_message.Message):
    __slots__ = ("tensors", "rest", "used")
    TENSORS_FIELD_NUMBER: _ClassVar[int]
    REST_FIELD_NUMBER: _ClassVar[int]
    USED_FIELD_NUMBER: _ClassVar[int]
    tensors: _containers.RepeatedCompositeFieldContainer[Tensor]
    rest: bytes
    used: int
    def __init__(self, tensors: _Optional[_Iterable[_Union[Tensor, _Mapping]]] = ..., rest: _Optional[bytes] = ..., used: _Optional[int] = ...) -> None: ...

class Tensor(_message.Message):
    __slots__ = ("dtype", "shape", "offset")
    DTYPE_FIELD_NUMBER: _ClassVar[int]
    SHAPE_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    dtype: str
    shape: _containers.RepeatedScalarFieldContainer[int]
    offset: int
    def __init__(self, dtype: _Optional[str] = ..., shape: _Optional[_Iterable[int]] = ..., offset: _Optional[int] = ...) -> None: ...

class BatchResult(_message.Message):
    __slots__ = ("id", "count", "skipped", "failures", "payload", "error", "busy_ns", "idle_ns", "unwritten", "unwritten_example")
    ID_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    SKIPPED_FIELD_NUMBER: _ClassVar[int]
    FAILURES_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    BUSY_NS_FIELD_NUMBER: _ClassVar[int]
    IDLE_NS_FIELD_NUMBER: _ClassVar[int]
    UNWRITTEN_FIELD_NUMBER: _ClassVar[int]
    UNWRITTEN_EXAMPLE_FIELD_NUMBER: _ClassVar[int]
    id: int
    count: int
    skipped: _containers.RepeatedCompositeFieldContainer[IndexRange]
    failures: _containers.RepeatedCompositeFieldContainer[ItemFailure]
    payload: Payload
    error: Error
    busy_ns: int
    idle_ns: int
    unwritten: int
    unwritten_example: UnwrittenOutput
    def __init__(self, id: _Optional[int] = ..., count: _Optional[int] = ..., skipped: _Optional[_Iterable[_Union[IndexRange, _Mapping]]] = ..., failures: _Optional[_Iterable[_Union[ItemFailure, _Mapping]]] = ..., payload: _Optional[_Union[Payload, _Mapping]] = ..., error: _Optional[_Union[Error, _Mapping]] = ..., busy_ns: _Optional[int] = ..., idle_ns: _Optional[int] = ..., unwritten: _Optional[int] = ..., unwritten_example: _Optional[_Union[UnwrittenOutput, _Mapping]] = ...) -> None: ...

class SpawnRequest(_message.Message):
    __slots__ = ("spawn", "show_item")
    SPAWN_FIELD_NUMBER: _ClassVar[int]
    SHOW_ITEM_FIELD_NUMBER: _ClassVar[int]
    spawn: SpawnWorker
    show_item: int
    def __init__(self, spawn: _Optional[_Union[SpawnWorker, _Mapping]] = ..., show_item: _Optional[int] = ...) -> None: ...

class SpawnWorker(_message.Message):
    __slots__ = ("open",)
    OPEN_FIELD_NUMBER: _ClassVar[int]
    open: OpenRequest
    def __init__(self, open: _Optional[_Union[OpenRequest, _Mapping]] = ...) -> None: ...

class SpawnResponse(_message.Message):
    __slots__ = ("started", "exited", "shown", "failed")
    STARTED_FIELD_NUMBER: _ClassVar[int]
    EXITED_FIELD_NUMBER: _ClassVar[int]
    SHOWN_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    started: WorkerStarted
    exited: WorkerExited
    shown: ShownItem
    failed: WorkerFailed
    def __init__(self, started: _Optional[_Union[WorkerStarted, _Mapping]] = ..., exited: _Optional[_Union[WorkerExited, _Mapping]] = ..., shown: _Optional[_Union[ShownItem, _Mapping]] = ..., failed: _Optional[_Union[WorkerFailed, _Mapping]] = ...) -> None: ...

class WorkerStarted(_message.Message):
    __slots__ = ("worker_index", "pid", "socket", "lost_threads")
    WORKER_INDEX_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    SOCKET_FIELD_NUMBER: _ClassVar[int]
    LOST_THREADS_FIELD_NUMBER: _ClassVar[int]
    worker_index: int
    pid: int
    socket: str
    lost_threads: int
    def __init__(self, worker_index: _Optional[int] = ..., pid: _Optional[int] = ..., socket: _Optional[str] = ..., lost_threads: _Optional[int] = ...) -> None: ...

class WorkerFailed(_message.Message):
    __slots__ = ("worker_index", "error")
    WORKER_INDEX_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    worker_index: int
    error: Error
    def __init__(self, worker_index: _Optional[int] = ..., error: _Optional[_Union[Error, _Mapping]] = ...) -> None: ...

class WorkerExited(_message.Message):
    __slots__ = ("worker_index", "pid", "code", "signal")
    WORKER_INDEX_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    SIGNAL_FIELD_NUMBER: _ClassVar[int]
    worker_index: int
    pid: int
    code: int
    signal: int
    def __init__(self, worker_index: _Optional[int] = ..., pid: _Optional[int] = ..., code: _Optional[int] = ..., signal: _Optional[int] = ...) -> None: ...

class ShownItem(_message.Message):
    __slots__ = ("index", "item", "content_key")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    ITEM_FIELD_NUMBER: _ClassVar[int]
    CONTENT_KEY_FIELD_NUMBER: _ClassVar[int]
    index: int
    item: str
    content_key: int
    def __init__(self, index: _Optional[int] = ..., item: _Optional[str] = ..., content_key: _Optional[int] = ...) -> None: ...

class Error(_message.Message):
    __slots__ = ("message", "traceback", "retryable", "fault", "item", "config", "panic", "no_such_task", "unsupported", "invalid_output", "device_memory", "region_too_small", "ended")
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    TRACEBACK_FIELD_NUMBER: _ClassVar[int]
    RETRYABLE_FIELD_NUMBER: _ClassVar[int]
    FAULT_FIELD_NUMBER: _ClassVar[int]
    ITEM_FIELD_NUMBER: _ClassVar[int]
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    PANIC_FIELD_NUMBER: _ClassVar[int]
    NO_SUCH_TASK_FIELD_NUMBER: _ClassVar[int]
    UNSUPPORTED_FIELD_NUMBER: _ClassVar[int]
    INVALID_OUTPUT_FIELD_NUMBER: _ClassVar[int]
    DEVICE_MEMORY_FIELD_NUMBER: _ClassVar[int]
    REGION_TOO_SMALL_FIELD_NUMBER: _ClassVar[int]
    ENDED_FIELD_NUMBER: _ClassVar[int]
    message: str
    traceback: str
    retryable: bool
    fault: Fault
    item: ItemError
    config: ConfigError
    panic: PanicError
    no_such_task: NoSuchTaskError
    unsupported: UnsupportedError
    invalid_output: InvalidOutputError
    device_memory: DeviceMemoryError
    region_too_small: RegionTooSmallError
    ended: EndedError
    def __init__(self, message: _Optional[str] = ..., traceback: _Optional[str] = ..., retryable: _Optional[bool] = ..., fault: _Optional[_Union[Fault, str]] = ..., item: _Optional[_Union[ItemError, _Mapping]] = ..., config: _Optional[_Union[ConfigError, _Mapping]] = ..., panic: _Optional[_Union[PanicError, _Mapping]] = ..., no_such_task: _Optional[_Union[NoSuchTaskError, _Mapping]] = ..., unsupported: _Optional[_Union[UnsupportedError, _Mapping]] = ..., invalid_output: _Optional[_Union[InvalidOutputError, _Mapping]] = ..., device_memory: _Optional[_Union[DeviceMemoryError, _Mapping]] = ..., region_too_small: _Optional[_Union[RegionTooSmallError, _Mapping]] = ..., ended: _Optional[_Union[EndedError, _Mapping]] = ...) -> None: ...

class ItemError(_message.Message):
    __slots__ = ("type_name",)
    TYPE_NAME_FIELD_NUMBER: _ClassVar[int]
    type_name: str
    def __init__(self, type_name: _Optional[str] = ...) -> None: ...

class ConfigError(_message.Message):
    __slots__ = ("problems",)
    PROBLEMS_FIELD_NUMBER: _ClassVar[int]
    problems: _containers.RepeatedCompositeFieldContainer[ConfigProblem]
    def __init__(self, problems: _Optional[_Iterable[_Union[ConfigProblem, _Mapping]]] = ...) -> None: ...

class ConfigProblem(_message.Message):
    __slots__ = ("where", "message", "suggestion")
    WHERE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    SUGGESTION_FIELD_NUMBER: _ClassVar[int]
    where: str
    message: str
    suggestion: str
    def __init__(self, where: _Optional[str] = ..., message: _Optional[str] = ..., suggestion: _Optional[str] = ...) -> None: ...

class PanicError(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: str
    def __init__(self, value: _Optional[str] = ...) -> None: ...

class EndedError(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class NoSuchTaskError(_message.Message):
    __slots__ = ("tasks",)
    TASKS_FIELD_NUMBER: _ClassVar[int]
    tasks: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, tasks: _Optional[_Iterable[str]] = ...) -> None: ...

class UnsupportedError(_message.Message):
    __slots__ = ("what",)
    WHAT_FIELD_NUMBER: _ClassVar[int]
    what: str
    def __init__(self, what: _Optional[str] = ...) -> None: ...

class InvalidOutputError(_message.Message):
    __slots__ = ("path",)
    PATH_FIELD_NUMBER: _ClassVar[int]
    path: str
    def __init__(self, path: _Optional[str] = ...) -> None: ...

class DeviceMemoryError(_message.Message):
    __slots__ = ("wanted", "free", "total")
    WANTED_FIELD_NUMBER: _ClassVar[int]
    FREE_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    wanted: int
    free: int
    total: int
    def __init__(self, wanted: _Optional[int] = ..., free: _Optional[int] = ..., total: _Optional[int] = ...) -> None: ...

class RegionTooSmallError(_message.Message):
    __slots__ = ("wanted",)
    WANTED_FIELD_NUMBER: _ClassVar[int]
    wanted: int
    def __init__(self, wanted: _Optional[int] = ...) -> None: ...
