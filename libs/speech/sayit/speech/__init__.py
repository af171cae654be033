"""The domain of SayIt: errors, audio, options, jobs, transcripts, their rendering and their wire form.

Standard library and the generated messages only: every other package, the light client included, depends on this one.
"""
