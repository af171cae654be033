"""What SayIt talks about: errors, audio, options, jobs, transcripts, their rendering and their wire form.

Standard library and the generated messages only: every other package, the light client included, stands on this one.
"""
