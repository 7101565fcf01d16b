"""Reading YAML that a client sends, as the API server does before it reads it as JSON."""

from collections.abc import Hashable

import yaml

from bot.sim.cluster import objects


class _Loader(yaml.SafeLoader):
    """YAML as JSON has it: keys are texts, times stay texts; keys given twice are noted."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self.repeated: list[str] = []

    def construct_mapping(
        self, node: yaml.MappingNode, deep: bool = True
    ) -> dict[Hashable, objects.Json]:
        self.flatten_mapping(node)
        found: dict[Hashable, objects.Json] = {}
        for key_node, value_node in node.value:
            key = str(self.construct_object(key_node, deep=deep))
            if key in found:
                line = key_node.start_mark.line + 1
                self.repeated.append(f'line {line}: key "{key}" already set in map')
            found[key] = self.construct_object(value_node, deep=True)
        return found


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read(text: bytes) -> tuple[objects.Json, list[str]]:
    """The value, and a complaint for every key given twice.

    Raises:
        ValueError: it is no YAML.
    """
    try:
        loader = _Loader(text.decode())
        return loader.get_single_data(), loader.repeated
    except yaml.YAMLError as failure:
        raise ValueError(str(failure)) from failure
