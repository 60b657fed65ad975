//! What single registries do differently, each by the scripted registry.
