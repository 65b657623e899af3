"""`hide_solutions: true` for solutions that begin and end with a directive of their own.

sphinx-exercise then drops where a solution begins and leaves where it ends, and all that stands
between them. Here solutions are put together as ever, and then taken out whole.
"""

from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.transforms import SphinxTransform
from sphinx_exercise.nodes import solution_node
from sphinx_exercise.transforms import MergeGatedSolutions


class TakeOutSolutions(SphinxTransform):
    """Remove every solution of a page, after its parts were merged."""

    default_priority = MergeGatedSolutions.default_priority + 1

    def apply(self) -> None:
        """Leave the exercises, and what stands between them."""
        if self.config.take_out_solutions:
            for node in list(self.document.findall(solution_node)):
                node.parent.remove(node)


def _instead(app: Sphinx, config: Config) -> None:
    """What `hide_solutions` asks for is done here."""
    config.take_out_solutions, config.hide_solutions = config.hide_solutions, False


def setup(app: Sphinx) -> dict[str, bool]:
    """Tell Sphinx."""
    app.add_config_value("take_out_solutions", False, "env")
    app.connect("config-inited", _instead)
    app.add_transform(TakeOutSolutions)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
