"""From an upload's first byte to chunks that are due: uploads, audio reading, voice detection, segmentation."""
