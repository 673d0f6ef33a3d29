// Cannot be loaded.

throw new Error('no such model');
