"""The stubs name what the package has, with the same parameters, and everything has a docstring."""
import ast
import inspect
import os
import unittest

import sinter

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def parsed():
    with open(os.path.join(ROOT, "python", "sinter", "__init__.pyi"), encoding="utf-8") as file:
        return ast.parse(file.read())


def public(name):
    return not name.startswith("_")


class Stubs(unittest.TestCase):
    def test_names(self):
        stubs = {node.name for node in parsed().body if isinstance(node, (ast.ClassDef, ast.FunctionDef))}
        self.assertEqual(stubs, set(sinter.__all__))

    def test_members_and_parameters(self):
        for node in parsed().body:
            if isinstance(node, ast.FunctionDef):
                self.compare(node, getattr(sinter, node.name))
            if not isinstance(node, ast.ClassDef):
                continue
            made = getattr(sinter, node.name)
            own = {item.name: item for item in node.body if isinstance(item, ast.FunctionDef)}
            fields = {item.target.id for item in node.body if isinstance(item, ast.AnnAssign)}
            real = {name for name in dir(made) if public(name)}
            if issubclass(made, BaseException):
                real = set()
                fields = set()
            self.assertEqual({name for name in own if public(name)} | fields, real, node.name)
            for name, item in own.items():
                if public(name) and inspect.isfunction(getattr(made, name)):
                    self.compare(item, getattr(made, name))

    def compare(self, node, function):
        try:
            signature = inspect.signature(function)
        except ValueError:
            return  # of the extension module
        wanted = [argument.arg for argument in [*node.args.args, *node.args.kwonlyargs]]
        found = [name for name, parameter in signature.parameters.items() if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)]
        if node.name != "load":
            self.assertEqual(wanted, found, node.name)

    def test_docstrings(self):
        for name in sinter.__all__:
            made = getattr(sinter, name)
            self.assertTrue(made.__doc__, name)
            if inspect.isclass(made) and not issubclass(made, BaseException):
                for member, value in vars(made).items():
                    if public(member) and callable(value) and member != "create_context":
                        self.assertTrue(value.__doc__, f"{name}.{member}")


if __name__ == "__main__":
    unittest.main()
