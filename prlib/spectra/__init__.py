"""The spectrum of the Hessian: bulk and outlier from a label measure, eigenpairs of an instance."""
