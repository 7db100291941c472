# Home Assistant makes `import voluptuous` mean probatio before any integration loads.
from probatio import *
